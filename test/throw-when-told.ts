// Preloaded before the exporter's source: stands for a fault of its own that nothing in it expects.

process.on("SIGUSR2", () => {
  setTimeout(() => {
    throw new Error("thrown for the test");
  });
});
process.on("SIGWINCH", () => {
  void Promise.reject(new Error("rejected for the test"));
});
