"""New pictures and clips from a single one: nearest patches, SinGAN, Hierarchical Patch VAE-GAN."""
