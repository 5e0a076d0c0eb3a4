"""The diagnostic rules by subject, a function a rule; `segpost.diagnosis.registry` orders them."""
