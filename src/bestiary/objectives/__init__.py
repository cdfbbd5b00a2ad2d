"""Objectives: each pretraining task and each loss a pure function of tensors, one file each."""
