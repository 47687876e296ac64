/** The one place that loads tfjs-node with its native part: only where tensorflow is asked for. */
import { createRequire } from 'node:module';
import { engine } from '@tensorflow/tfjs-core';
import { TouchstoneError } from '../errors.ts';
import { SETUP_COMMAND, TFJS } from './tensorflow-state.ts';

export interface LoadedTensorflow {
  /** Version of libtensorflow, as it says itself. */
  readonly version: string;
  /** Whether it computes on a GPU. */
  readonly gpu: boolean;
}

const require = createRequire(import.meta.url);

/**
 * Registers tfjs's `tensorflow` backend and makes it the current one.
 *
 * @param from the package, or another folder of it
 * @throws E_ENGINE where the native part is not set up or does not load
 */
export function loadTensorflow(from: string = TFJS): LoadedTensorflow {
  quieten();
  shareMemory();
  restoreUtil();
  try {
    require(from);
  } catch (cause) {
    const [reason] = String(cause instanceof Error ? cause.message : cause).split('\n');
    throw new TouchstoneError('E_ENGINE', `TensorFlow does not load (${reason})`, undefined, SETUP_COMMAND, {
      cause,
    });
  }
  const { binding, isUsingGpuDevice } = engine().backend as unknown as {
    binding: { TF_Version: string };
    isUsingGpuDevice: boolean;
  };
  return { version: binding.TF_Version, gpu: isUsingGpuDevice };
}

/**
 * TensorFlow tells its instruction sets and its GPU's every step on stderr, unless the user wants to hear them. What it
 * writes while the library loads, before any setting is read, quiet_binding.cc holds back.
 */
function quieten(): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
}

/** Else TensorFlow takes all of the GPU's memory at once, and leaves none to onnxruntime. */
function shareMemory(): void {
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
}

/** Functions of `util` that tfjs-node 4.22 calls and Node 23 removed. */
function restoreUtil(): void {
  const util = require('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
