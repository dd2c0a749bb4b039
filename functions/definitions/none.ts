/** What `lakefold:definitions` means in a bundle made without a definitions module: no functions. */
export {};
