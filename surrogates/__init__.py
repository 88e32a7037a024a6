"""What is predicted: features, teachers, distillation, noise, the quality card, and the benchmark they make."""
