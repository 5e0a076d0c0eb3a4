"""The layer below all operations: arrays, devices, argument checks and the backend contract."""
