"""The pure core: tensors in, tensors out. Knows nothing of DVC, MLflow, Streamlit or OpenCV."""
