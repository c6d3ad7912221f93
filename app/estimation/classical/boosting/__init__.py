"""The gradient boosting libraries, one module each."""
