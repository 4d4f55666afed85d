"""The numbers that CSegSynth's paper printed, to stand beside ours: other people, other features.

Tables I-IV of Wang et al., *Deep Generative Model-Based Generation of Synthetic Individual-Specific
Brain MRI Segmentations*: 46 test people of CamCAN, 198 features, 370 training people, FSL's tissue
maps on 80 x 128 x 128 voxels of 2 mm, features of RadImageNet and MedicalNet.
"""

from __future__ import annotations

DATA = "CamCAN, 198 features, 46 test people"
SOURCE = (
    "The published numbers are those of Wang et al. for other data: 46 test people of CamCAN, 198 "
    "features, 370 training people, FSL's tissue maps, distances in the features of RadImageNet "
    "(2D) and MedicalNet (3D). They are not to be held against ours one by one."
)

# System -> MMD, 2D-FID, 3D-FID, |delta SSIM|, each for WM, GM, CSF.
TABLE_1 = {
    "C-VAE": "0.0529 0.0410 0.0436 0.2940 0.2544 0.2789 0.1439 0.1203 0.1305 0.1188 0.0938 0.0836",
    "C-GAN": "0.0339 0.0415 0.0572 0.0424 0.0470 0.0914 0.0064 0.0041 0.0086 0.0162 0.0252 0.0697",
    "C-LDM": "0.0982 0.0680 0.0632 0.0742 0.0768 0.0481 0.0210 0.0164 0.0265 0.0964 0.0781 0.0443",
    "CSegSynth": (
        "0.0273 0.0240 0.0203 0.0361 0.0438 0.0695 0.0130 0.0020 0.0046 0.0051 0.0204 0.0439"
    ),
}
# System -> MAPE (%), MAE (mL), R2 for WM, for GM and for CSF.
TABLE_2 = {
    "LR": "43.30 231.59 -20.57 40.60 228.43 -22.72 58.02 154.33 -16.32",
    "PR": "1843.12 9680.95 -0.0007 1092.91 5926.84 -18623.23 2251.73 6430.33 -28478.56",
    "SVR": "11.38 59.11 -0.0082 9.98 55.91 -0.0057 16.00 46.23 -0.01",
    "FFN": "9.21 50.29 0.20 8.22 47.59 0.082 12.62 38.42 0.23",
    "C-VAE": "8.57 46.30 0.13 7.33 42.77 0.36 13.97 38.85 0.39",
    "C-GAN": "8.82 47.49 0.32 6.10 34.71 0.63 12.72 37.08 0.42",
    "C-LDM": "17.29 97.81 -2.17 14.85 84.07 -1.56 30.80 92.69 -2.27",
    "CSegSynth": "6.82 36.44 0.57 5.03 29.20 0.67 12.32 35.51 0.35",
}
# System -> r, rho, its p, tau, its p for WM, for GM and for CSF.
TABLE_3 = {
    "LR": "0.25 0.32 3e-2 0.21 4e-2 0.21 0.31 3e-2 0.23 3e-2 0.17 0.28 6e-2 0.21 4e-2",
    "PR": "0.24 0.31 3e-2 0.18 7e-2 0.18 0.21 2e-1 0.15 1e-1 0.31 0.11 5e-1 0.10 3e-1",
    "SVR": "0.68 0.71 3e-8 0.53 2e-7 0.69 0.74 3e-9 0.54 1e-7 0.45 0.57 4e-5 0.39 1e-4",
    "FFN": "0.67 0.67 4e-7 0.51 6e-7 0.61 0.62 4e-6 0.47 5e-6 0.58 0.72 2e-8 0.51 7e-7",
    "C-VAE": "0.52 0.57 3e-5 0.41 6e-5 0.71 0.73 1e-8 0.51 6e-7 0.63 0.60 1e-5 0.45 1e-5",
    "C-GAN": "0.60 0.62 4e-6 0.44 2e-5 0.80 0.79 5e-11 0.58 2e-8 0.65 0.67 3e-7 0.48 2e-6",
    "C-LDM": "-0.08 -0.13 4e-1 -0.10 3e-1 -0.13 -0.08 6e-1 -0.05 6e-1 -0.04 -0.13 4e-1 -0.09 4e-1",
    "CSegSynth": "0.80 0.80 2e-11 0.61 2e-9 0.82 0.82 3e-12 0.64 4e-10 0.70 0.76 1e-9 0.56 4e-8",
}
# Tissue -> feature and gradient, the heaviest first; the paper gives no unit.
TABLE_4 = {
    "WM": (
        ("sex (male 0, female 1)", "-1134.64"),
        ("height", "867.03"),
        ("weight", "492.05"),
        ("alcohol consumption", "387.00"),
        ("weekly working hours", "329.46"),
    ),
    "GM": (
        ("sex (male 0, female 1)", "-978.44"),
        ("height", "777.48"),
        ("age", "-481.22"),
        ("employment (no 0, yes 1)", "371.31"),
        ("weight", "345.15"),
    ),
    "CSF": (
        ("sex (male 0, female 1)", "-233.00"),
        ("weight", "171.29"),
        ("age", "155.33"),
        ("retired (no 0, yes 1)", "138.58"),
        ("VSTM colour precision (set size 1)", "-136.88"),
    ),
}
