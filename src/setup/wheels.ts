/** The Python wheels that libtensorflow is taken from, each pinned by version, size and hash. */

export const TENSORFLOW = '2.21.0';

export type Variant = 'cpu' | 'gpu';

export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Of the Python that the wheel is for, whichever one downloads it: none of its Python is used. */
  readonly abi: 'cp311' | 'none';
  /** The platform tag of the wheel's file name. */
  readonly platform: string;
  /** Bytes of the wheel. */
  readonly bytes: number;
  /** Bytes of what is unpacked of it. */
  readonly unpackedBytes: number;
  /** Regular expression, JavaScript's and Python's alike, of the paths that are unpacked. */
  readonly keep: string;
}

// Of the 13,000 headers, those folders that the binding's 14 are from.
const LIBTENSORFLOW =
  '^tensorflow/(libtensorflow_(cc|framework)\\.so\\.2|THIRD_PARTY_NOTICES\\.txt|include/LICENSE' +
  '|include/(tensorflow/c|tensorflow/core/platform|tsl/platform|xla/tsl/c)/.*\\.h)$';

const NVIDIA = '^nvidia/(?!.*/include/)|/(licenses/)?License\\.txt$';

const tensorflow = (
  name: string,
  platform: string,
  bytes: number,
  unpackedBytes: number,
  sha256: string,
): Wheel => ({
  name,
  version: TENSORFLOW,
  sha256,
  abi: 'cp311',
  platform,
  bytes,
  unpackedBytes,
  keep: LIBTENSORFLOW,
});

const nvidia = (
  name: string,
  version: string,
  platform: string,
  bytes: number,
  unpackedBytes: number,
  sha256: string,
): Wheel => ({ name, version, sha256, abi: 'none', platform, bytes, unpackedBytes, keep: NVIDIA });

const X64 = tensorflow(
  'tensorflow-cpu',
  'manylinux_2_27_x86_64',
  273_829_956,
  854_737_100,
  '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
);

// There is no tensorflow-cpu for it, and its tensorflow has no GPU part.
const ARM64 = tensorflow(
  'tensorflow',
  'manylinux_2_27_aarch64',
  281_828_020,
  884_490_372,
  '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
);

/** What `tensorflow[and-cuda]` declares, in the newest versions that it allows. */
const CUDA: readonly Wheel[] = [
  tensorflow(
    'tensorflow',
    'manylinux_2_27_x86_64',
    572_440_367,
    1_260_449_244,
    '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
  ),
  nvidia(
    'nvidia-cublas-cu12',
    '12.9.3.13',
    'manylinux_2_27_x86_64',
    581_217_458,
    855_123_678,
    'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
  ),
  nvidia(
    'nvidia-cuda-cupti-cu12',
    '12.9.79',
    'manylinux_2_25_x86_64',
    10_814_997,
    43_425_030,
    '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
  ),
  nvidia(
    'nvidia-cuda-nvcc-cu12',
    '12.9.86',
    'manylinux_2_12_x86_64',
    40_546_229,
    98_058_022,
    '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
  ),
  nvidia(
    'nvidia-cuda-nvrtc-cu12',
    '12.9.86',
    'manylinux_2_12_x86_64',
    89_568_129,
    227_400_254,
    '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
  ),
  nvidia(
    'nvidia-cuda-runtime-cu12',
    '12.9.79',
    'manylinux_2_17_x86_64',
    3_493_179,
    5_401_438,
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
  ),
  nvidia(
    'nvidia-cudnn-cu12',
    '9.28.0.42',
    'manylinux_2_27_x86_64',
    716_538_495,
    1_162_411_646,
    '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
  ),
  nvidia(
    'nvidia-cufft-cu12',
    '11.4.1.4',
    'manylinux_2_17_x86_64',
    200_877_592,
    293_668_678,
    'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
  ),
  nvidia(
    'nvidia-curand-cu12',
    '10.3.10.19',
    'manylinux_2_27_x86_64',
    68_295_626,
    167_024_694,
    '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
  ),
  nvidia(
    'nvidia-cusolver-cu12',
    '11.7.5.82',
    'manylinux_2_27_x86_64',
    338_117_415,
    495_034_326,
    '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
  ),
  nvidia(
    'nvidia-cusparse-cu12',
    '12.5.10.65',
    'manylinux_2_17_x86_64',
    366_465_088,
    486_615_630,
    '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
  ),
  nvidia(
    'nvidia-nccl-cu12',
    '2.32.3',
    'manylinux_2_27_x86_64',
    351_526_311,
    489_655_275,
    'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
  ),
  nvidia(
    'nvidia-nvjitlink-cu12',
    '12.9.86',
    'manylinux_2_12_x86_64',
    39_748_338,
    95_994_606,
    'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
  ),
];

/** The wheels of a variant by Node's name of the processor; all of them are for Linux with glibc 2.27 or newer. */
export const WHEELS: Readonly<Record<Variant, Readonly<Record<string, readonly Wheel[]>>>> = {
  cpu: { x64: [X64], arm64: [ARM64] },
  gpu: { x64: CUDA },
};

export const GLIBC = '2.27';
