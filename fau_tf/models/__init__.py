"""Image -> heatmaps: backbone, SCC decoder, heatmap head."""
