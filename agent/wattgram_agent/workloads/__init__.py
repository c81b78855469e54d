"""Who used the CPU: control groups and processes, and what people call them."""
