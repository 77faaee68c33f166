"""The receptionist: answers from an FAQ and takes messages, without a language model."""
