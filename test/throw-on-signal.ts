// Preloaded before the exporter's source: SIGUSR2 and SIGWINCH cause an internal error that nothing catches.

process.on("SIGUSR2", () => {
  setTimeout(() => {
    throw new Error("thrown for the test");
  });
});
process.on("SIGWINCH", () => {
  void Promise.reject(new Error("rejected for the test"));
});
