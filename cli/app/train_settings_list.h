/*
 * Every setting of a training run, once: the struct's fields, the command's options and the members of train.json are made from
 * this list. No include guard: it is included with the four macros defined, which it undefines.
 *
 * TEXT(field, name, choices, value, fallback, help)          const char *
 * INTEGER(field, name, value, minimum, maximum, fallback, help)    int64_t
 * NUMBER(field, name, value, minimum, maximum, fallback, help)     double
 * LIST(field, name, value, help)                                   tl_train_texts
 *
 * A fallback that means "decided by something else" is one that the bounds refuse; its help says what decides.
 */
/* clang-format off */
/* ---- the model ---- */
TEXT(init, "init", NULL, "MODEL", NULL, "start from this model's weights, tokenizer and sizes; else from random ones")
TEXT(size, "size", "tiny|small|medium", NULL, "small", "towers: 128, 192 or 256 wide")
INTEGER(image_size, "image-size", "PIXELS", 8, 1024, 64, "side of the pictures")
INTEGER(patch_size, "patch-size", "PIXELS", 2, 128, 8, "side of a patch")
INTEGER(image_width, "image-width", "N", 64, 4096, 0, "width of the image tower, a multiple of 64; default: by --size")
INTEGER(image_layers, "image-layers", "N", 1, 128, 0, "blocks of the image tower; default: by --size")
INTEGER(text_width, "text-width", "N", 64, 4096, 0, "width of the text tower, a multiple of 64; default: by --size")
INTEGER(text_layers, "text-layers", "N", 1, 128, 0, "blocks of the text tower; default: by --size")
INTEGER(embedding, "embedding", "N", 8, 4096, 0, "numbers of an embedding; default: by --size")
TEXT(pooling, "pooling", "avg|tok|map", NULL, "avg", "image tower: mean of the patches, class token, or attention pooling")
TEXT(tokenizer, "tokenizer", NULL, "FILE", NULL, "use this tokenizer.model; else one is trained on the captions")
INTEGER(vocabulary, "vocabulary", "N", 300, 1000000, 4096, "pieces of a trained tokenizer")
INTEGER(context, "context", "N", 3, 512, 32, "tokens a caption is cut to")
/* ---- the length ---- */
NUMBER(epochs, "epochs", "N", 0.001, 1e6, 0, "length of the run (this, --steps or --minutes); default: 20")
INTEGER(steps, "steps", "N", 1, 1e12, 0, "length of the run")
NUMBER(minutes, "minutes", "N", 0.001, 1e6, 0, "length of the run, as steps that fit this time here")
/* ---- the batch ---- */
INTEGER(batch, "batch", "N", 2, 1048576, 128, "pairs that are told apart")
INTEGER(accumulate, "accumulate", "N", 1, 4096, 1, "batches of a step, whose gradients are averaged")
NUMBER(memory, "memory", "GIB", 0.01, 4096, 1.5, "activations kept at once; a larger batch is computed in chunks")
INTEGER(chunk, "chunk", "N", 1, 1048576, 0, "pairs computed at once; default: by --memory")
INTEGER(captions, "captions", "N", 1, 64, 1, "captions of a picture in a batch, all of them its own")
TEXT(weights, "weights", NULL, "W,W,...", NULL, "how often an epoch shows each DATASET; default: once")
LIST(templates, "template", "TEXT", "a sentence with {} for captions that are labels; may be given again")
INTEGER(label_words, "label-words", "N", 1, 32, 3, "a label's names, between commas, have at most so many words")
/* ---- the objective ---- */
TEXT(loss, "loss", "contrastive|sigmoid", NULL, "contrastive", "InfoNCE over the batch, or SigLIP's pairwise sigmoid")
TEXT(equal_captions, "equal-captions", "leave-out|positive", NULL, "leave-out", "what captions equal to a picture's own are to it")
/* ---- the optimizer ---- */
NUMBER(learning_rate, "learning-rate", "X", 1e-9, 1, 1e-3, "peak of the schedule")
NUMBER(image_lr, "image-lr", "X", 0, 1, -1, "of the image tower, 0: frozen; default: --learning-rate")
NUMBER(text_lr, "text-lr", "X", 0, 1, -1, "of the text tower, 0: frozen; default: --learning-rate")
TEXT(freeze, "freeze", "image|text|none", NULL, "none", "a tower that stays as it is")
TEXT(schedule, "schedule", "cosine|constant", NULL, "cosine", "of the learning rate after warm-up")
INTEGER(warmup, "warmup", "STEPS", 0, 1e12, -1, "linear warm-up; default: a twentieth of the run")
INTEGER(cooldown, "cooldown", "STEPS", 0, 1e12, -1, "linear end of a constant schedule; default: a fifth of the run")
NUMBER(weight_decay, "weight-decay", "X", 0, 10, 0.1, "AdamW's, decoupled")
NUMBER(beta2, "beta2", "X", 0.5, 0.9999999, 0.98, "AdamW's second decay")
NUMBER(clip, "clip", "X", 0, 1e6, 1, "L2 norm that gradients are cut to; 0: none")
NUMBER(average, "average", "DECAY", 0, 0.9999999, 0, "moving average of the weights, which is what MODEL holds; 0: none")
/* ---- augmentation ---- */
NUMBER(crop, "crop", "SHARE", 0.05, 1, 0.6, "random crops keep at least this share of the picture")
NUMBER(flip, "flip", "P", 0, 1, 0.5, "probability of a left-right flip")
NUMBER(jitter, "jitter", "X", 0, 1, 0, "brightness, contrast and saturation change by up to this share")
NUMBER(grayscale, "grayscale", "P", 0, 1, 0, "probability of a picture in grey")
NUMBER(mix, "mix", "P", 0, 1, 0, "probability that two pairs become one: pictures blended, captions joined")

INTEGER(seed, "seed", "N", 0, 9e15, 0, "the same seed gives the same bits")
/* ---- validation ---- */
TEXT(validate, "validate", NULL, "DATASET", NULL, "measure recall on this, keep the best model in MODEL/best")
TEXT(validate_split, "validate-split", NULL, "SPLIT", NULL, "queries are the samples of this split; default: all")
TEXT(validate_labels, "validate-labels", NULL, "FILE", NULL, "names of the classes: the measure is zero-shot accuracy")
INTEGER(validate_every, "validate-every", "STEPS", 1, 1e12, 0, "steps between; default: a tenth of the run")
INTEGER(patience, "patience", "N", 0, 1000000, 0, "stop after so many measurements without a better one; 0: never")
/* clang-format on */
#undef TEXT
#undef INTEGER
#undef NUMBER
#undef LIST
