import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'pure', include: ['test/**/*.test.ts'], exclude: ['test/emulators/**', 'test/interop/**'], testTimeout: 60_000 } },
      { test: { name: 'emulators', include: ['test/emulators/**/*.test.ts'], testTimeout: 120_000 } },
      { test: { name: 'interop', include: ['test/interop/**/*.test.ts'], testTimeout: 180_000 } },
    ],
  },
});
