"""What the authors' released code does otherwise than the paper and the works it builds on.

Each departure is a switch, so that its effect can be measured: `departures: [NAME]` in an experiment switches one on,
`variant: released` all that its model has.
"""

DEPARTURES: dict[str, dict[str, str]] = {
    "alpha_wgan_gp": {
        "dead_code_gradient": "the encoder's codes reach C through the penalty alone, not through its distance",
    },
    "alpha_gan": {
        "no_augmentation": "neither flips nor intensity randomisation, unlike the other models",
        "one_real_batch": "both phases learn from one batch of real scans, the proposed model from two",
    },
    "vae_gan": {
        "halved_learning_rate": "half the learning rate of the other models",
        "saturating_loss": "G descends minus D's loss, whose gradient vanishes where D is sure",
        "pixel_reconstruction": "squared differences of voxels, weights 20 (G) and 10 (E), not of D's features",
        "averaged_kl": "the divergence from the prior is averaged over the code's numbers, not summed",
        "dense_encoder": "fully connected heads of 2048 units make up nine tenths of E",
        "one_real_batch": "all phases learn from one batch of real scans, the proposed model from two",
    },
    "wgan_gp": {
        "per_voxel_penalty": "the penalty pulls the gradient of every voxel to 1, its norm to the root of their number",
        "patch_critic": "D scores eight patches, not the volume",
        "reversed_ratio": "five steps of G for one of D, not five of D for one of G",
    },
}

# Options of `model` that a family has no use for: no C, no penalty, no encoder, or a reconstruction of its own.
UNUSED: dict[str, tuple[str, ...]] = {
    "alpha_wgan_gp": (),
    "alpha_gan": ("penalty", "penalty_every", "lambda1"),
    "vae_gan": ("code_units", "penalty", "penalty_every", "lambda1", "reconstruction", "generator_steps"),
    "wgan_gp": ("code_units", "penalty", "lambda2", "reconstruction", "generator_steps", "codes", "joint_batch"),
}
