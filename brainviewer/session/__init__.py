"""The running application without a toolkit."""
