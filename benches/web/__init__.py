"""The package of JavaScript beside onnxruntime-web."""
