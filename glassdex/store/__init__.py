"""The index behind one protocol: no engine's type leaves its adapter."""
