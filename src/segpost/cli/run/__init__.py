"""The parts of `segpost run`: its arguments, inputs, outputs, and the journal of what is done."""
