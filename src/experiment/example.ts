/** What `experiment init` writes. */
export const example = `{
  // An experiment: methods × models × data × ε × seeds, each trained, exported and audited.
  //   touchstone run experiment.json --dry-run    says what there is to do, and about how long it takes
  //   touchstone run experiment.json              does it; stopped, the same command goes on
  // All fields: docs/experiments.md. Paths begin at this file's folder.
  "schema": "touchstone-experiment/1",
  "name": "mnist-methods",

  // A method by its name, or with settings of its own and a label for the tables.
  "methods": [
    "natural",
    { "method": "pgd", "steps": 10, "stepSize": 0.025 },
    { "method": "gaat", "start": "random" },
    { "method": "free", "label": "free-4", "replays": 4, "stepSize": 0.1 },
    "fast"
  ],
  // Architectures.
  "models": ["mnist-cnn"],
  // Files that are audited beside them, as they are: ["other.onnx"]
  "checkpoints": [],

  // As --data takes them: "mnist", "cifar10:DIR", "images.npz".
  "data": ["mnist"],
  // Radii, to train with and to attack within. Also as text: "8/255".
  "eps": [0.1],
  // Each cell is made once per seed; tables have mean ± standard deviation.
  "seeds": [0, 1, 2],

  // What all trainings share; what a method says itself wins.
  "training": {
    "epochs": 5,
    "batchSize": 128,
    "learningRate": 0.1
  },

  "audit": {
    // As --attacks takes them: a list, or ["autoattack"].
    "attacks": ["fgsm", "pgd", "pgd-margin"],
    // The first test images.
    "limit": 1000,
    // Jobs that each audit is cut into, and images that are attacked together: the figures depend on "chunk", not on "shards".
    "shards": 2,
    "chunk": 250
  },

  "engine": { "name": "onnxruntime", "device": "cpu" }
}
`;
