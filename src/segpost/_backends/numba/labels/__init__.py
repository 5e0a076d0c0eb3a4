"""The operations argmax and softmax of the Numba backend, of images and volumes."""
