"""What is predicted: features, forests, distillation, noise, the quality card, and the benchmark they make."""
