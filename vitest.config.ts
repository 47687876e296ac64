import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/browser/**',
            'test/cuda/**',
            'test/learning/**',
            'test/scale/**',
            'test/slurm/**',
            'test/tensorflow/**',
          ],
        },
      },
      {
        extends: true,
        // One process each: a process has one backend of tfjs, and its own threads.
        test: {
          name: 'tensorflow',
          include: ['test/tensorflow/**/*.test.ts'],
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        // About an hour: see the test file.
        test: {
          name: 'learning',
          include: ['test/learning/**/*.test.ts'],
          testTimeout: 3_600_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        // Five minutes of a machine that does nothing else: see the test file.
        test: { name: 'scale', include: ['test/scale/**/*.test.ts'], fileParallelism: false },
      },
      {
        extends: true,
        // On a machine with an NVIDIA GPU: see docs/gpu.md.
        test: {
          name: 'cuda',
          include: ['test/cuda/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        // A Slurm of one node, from Debian's slurmctld, slurmd, slurm-client and munge.
        test: {
          name: 'slurm',
          include: ['test/slurm/**/*.test.ts'],
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: { name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 120_000 },
      },
    ],
  },
});
