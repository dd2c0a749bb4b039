import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const RINGS = ['test/emulators/**', 'test/interop/**'];

export default defineConfig({
  test: {
    // Vitest keeps one core for itself, which on two cores means one file at a time; most files here wait for disks and emulators.
    maxWorkers: Math.min(Math.max(availableParallelism(), 2), 8),
    projects: [
      { test: { name: 'pure', include: ['test/**/*.test.ts'], exclude: RINGS, testTimeout: 60_000, hookTimeout: 60_000 } },
      { test: { name: 'emulators', include: ['test/emulators/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } },
      { test: { name: 'interop', include: ['test/interop/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 120_000 } },
    ],
  },
});
