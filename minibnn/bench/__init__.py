"""The benchmarks behind `minibnn bench`: rivals measured side by side, in one process, on the machine at hand."""
