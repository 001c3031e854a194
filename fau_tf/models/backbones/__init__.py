"""Image backbones and their ImageNet weights."""
