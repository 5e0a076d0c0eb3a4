"""What the CUDA kernels cost on a device, as far as that can be known without one."""
