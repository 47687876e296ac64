/** The metadata entry in which a checkpoint or an exported model carries its training record, as JSON. */
export const TRAINING_ENTRY = 'touchstone.training';
