"""Model files. Empty on purpose: ``record`` and ``header`` are used without torch, ``files`` needs it."""
