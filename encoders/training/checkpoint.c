/*
 * A checkpoint is a folder NAME of parameters.safetensors, moments.safetensors (exp_avg.*, exp_avg_sq.*), average.safetensors
 * where the run keeps a moving average, and state.json, which holds the step, what the run is, and size and hash of the others,
 * under a checksum of its own.
 *
 * Saving: write NAME.new (every file and the folder synced, state.json last), rename NAME to NAME.old, NAME.new to NAME, remove
 * NAME.old. At every moment one of the three names is a whole checkpoint. A run killed between the renames has no NAME; the next
 * save or resume first completes it: NAME.new if its state.json is sound (then all of it is there), else NAME.old.
 * Loading checks everything before it copies anything.
 */
#include "base/core/hash.h"
#include "base/core/memory.h"
#include "base/io/file.h"
#include "base/io/mapping.h"
#include "encoders/training/trainer_internal.h"
#include "encoders/weights/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum { FORMAT_VERSION = 2, MAX_STATE_FILE = 1 << 20 };

static const char parameters_file[] = "parameters.safetensors";
static const char moments_file[] = "moments.safetensors";
static const char average_file[] = "average.safetensors";
static const char state_file[] = "state.json";
static const char *const moment_prefixes[] = {"exp_avg.", "exp_avg_sq."};

static bool move_folder(const char *from, const char *to, tl_error *err)
{
    if (rename(from, to) != 0)
        return tl_fail_errno(err, errno, "cannot rename '%s' to '%s'", from, to);
    return true;
}

static char *with_ending(const char *directory, const char *ending, tl_error *err)
{
    /* "run/" and "run" are one checkpoint. */
    size_t size = strlen(directory);
    while (size > 1 && directory[size - 1] == '/')
        size--;
    size_t room = size + strlen(ending) + 1;
    char *path = room <= INT_MAX ? tl_memory_allocate(room, 1, err) : NULL;
    if (path != NULL)
        snprintf(path, room, "%.*s%s", (int)size, directory, ending);
    else if (room > INT_MAX)
        tl_fail(err, TL_ERROR_INVALID, "expected the path of a folder, found %zu bytes", size);
    return path;
}

typedef struct checkpoint_names {
    char *present; /* NAME, NAME.new, NAME.old: owned */
    char *added;
    char *old;
} checkpoint_names;

static void names_clear(checkpoint_names *names)
{
    tl_memory_free(names->present);
    tl_memory_free(names->added);
    tl_memory_free(names->old);
}

static bool names_init(const char *directory, checkpoint_names *names, tl_error *err)
{
    *names = (checkpoint_names){0};
    names->present = with_ending(directory, "", err);
    names->added = names->present != NULL ? with_ending(directory, ".new", err) : NULL;
    names->old = names->added != NULL ? with_ending(directory, ".old", err) : NULL;
    if (names->old != NULL)
        return true;
    names_clear(names);
    return false;
}

static bool has_state(const char *directory, bool *out, tl_error *err)
{
    tl_file_status status;
    char *path = tl_path_join(directory, state_file, err);
    bool ok = path != NULL && tl_file_status_read(path, &status, err);
    tl_memory_free(path);
    if (ok)
        *out = status.kind == TL_FILE_REGULAR;
    return ok;
}

static bool sync_parent(const char *path, tl_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *parent = tl_memory_copy_text(size != 0 ? path : ".", size != 0 ? size : 1, err);
    bool ok = parent != NULL && tl_directory_sync(parent, err);
    tl_memory_free(parent);
    return ok;
}

static bool checksum_text(const tl_json *state, char text[TL_HASH_TEXT_SIZE], tl_error *err)
{
    tl_string bytes;
    tl_string_init(&bytes, MAX_STATE_FILE);
    bool ok = tl_json_write(state, TL_JSON_COMPACT, &bytes, err);
    if (ok)
        tl_hash_text(bytes.data, bytes.size, text);
    tl_string_clear(&bytes);
    return ok;
}

static bool read_state(const char *directory, tl_json **out, const tl_json **state, tl_error *err)
{
    bool ok = false;
    const char *checksum;
    char computed[TL_HASH_TEXT_SIZE];
    int64_t version;
    tl_json *json = NULL;
    char *path = tl_path_join(directory, state_file, err);
    if (path == NULL || !tl_json_read_file(path, MAX_STATE_FILE, &json, err))
        goto done;
    *state = tl_json_member(json, "state");
    if (!tl_json_is_object(*state)) {
        tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected an object 'state'", path);
        goto done;
    }
    if (!tl_json_get_text(json, "checksum", &checksum, err) || !checksum_text(*state, computed, err))
        goto done;
    if (strcmp(checksum, computed) != 0) {
        tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected checksum %.40s, found %s", path, checksum, computed);
        goto done;
    }
    if (!tl_json_get_integer(*state, "version", 1, INT64_MAX, &version, err))
        goto done;
    if (version > FORMAT_VERSION) {
        tl_fail(err, TL_ERROR_UNSUPPORTED, "'%s': expected version %d, found %lld", path, FORMAT_VERSION, (long long)version);
        goto done;
    }
    *out = json;
    json = NULL;
    ok = true;
done:
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

/* state.json is written last: a sound one means a whole folder. */
static bool is_whole(const char *directory, bool *out, tl_error *err)
{
    tl_error reason = {0};
    tl_json *json = NULL;
    const tl_json *state = NULL;
    if (!has_state(directory, out, err))
        return false;
    if (!*out)
        return true;
    *out = read_state(directory, &json, &state, &reason);
    tl_json_free(json);
    /* That it cannot be read now says nothing about it. */
    if (reason.kind == TL_ERROR_NO_MEMORY || reason.kind == TL_ERROR_IO)
        return tl_fail_as(err, &reason);
    return true;
}

/* After this NAME is there unless no checkpoint was ever finished. */
static bool complete_interrupted_save(const checkpoint_names *names, bool *found, tl_error *err)
{
    tl_file_status status;
    *found = true;
    if (!tl_file_status_read(names->present, &status, err))
        return false;
    if (status.kind != TL_FILE_MISSING)
        return true;
    const char *const candidates[] = {names->added, names->old};
    for (size_t i = 0; i < 2; i++) {
        bool is_sound;
        if (!is_whole(candidates[i], &is_sound, err))
            return false;
        if (is_sound)
            return move_folder(candidates[i], names->present, err) && sync_parent(names->present, err);
    }
    *found = false;
    return true;
}

/* {"size": .., "hash": ..} of one file just written */
static tl_json *file_record(uint64_t size, const char *hash, tl_error *err)
{
    tl_json *json = tl_json_object_create(err);
    if (json != NULL && tl_json_set_integer(json, "size", (int64_t)size, err) && tl_json_set_text(json, "hash", hash, err))
        return json;
    tl_json_free(json);
    return NULL;
}

/* state is taken over. */
static bool write_state(const char *directory, tl_json *state, tl_error *err)
{
    char checksum[TL_HASH_TEXT_SIZE];
    char *path = tl_path_join(directory, state_file, err);
    tl_json *json = tl_json_object_create(err);
    bool ok =
        path != NULL && json != NULL && checksum_text(state, checksum, err) && tl_json_set_text(json, "checksum", checksum, err);
    if (!ok)
        tl_json_free(state);
    ok = ok && tl_json_set(json, "state", state, err) && tl_json_write_file(json, path, err);
    tl_json_free(json);
    tl_memory_free(path);
    return ok;
}

static bool write_tensors(const tl_trainer *trainer, const char *directory, const char *name, const float *const *blocks,
                          const char *const *prefixes, size_t block_count, tl_json *files, tl_error *err)
{
    char hash[TL_HASH_TEXT_SIZE];
    uint64_t size;
    char *path = tl_path_join(directory, name, err);
    bool ok = path != NULL && tl_trainer__write_tensors(trainer, path, blocks, prefixes, block_count, hash, &size, err) &&
              tl_json_set(files, name, file_record(size, hash, err), err);
    tl_memory_free(path);
    return ok;
}

/* The folder may soon be the only copy of a run: what was written must read back. */
static bool verify_state(const char *directory, tl_error *err)
{
    tl_json *json = NULL;
    const tl_json *state = NULL;
    bool ok = read_state(directory, &json, &state, err);
    tl_json_free(json);
    return ok;
}

static bool write_folder(const tl_trainer *trainer, const char *directory, tl_error *err)
{
    const float *const parameter_blocks[] = {trainer->parameters};
    const float *const moment_blocks[] = {trainer->first_moments, trainer->second_moments};
    const float *const average_blocks[] = {trainer->average};
    const char *const no_prefix[] = {""};
    tl_json *state = NULL;
    tl_json *files = tl_json_object_create(err);
    if (files == NULL || !tl_directory_create(directory, err) ||
        !write_tensors(trainer, directory, parameters_file, parameter_blocks, no_prefix, 1, files, err) ||
        !write_tensors(trainer, directory, moments_file, moment_blocks, moment_prefixes, 2, files, err) ||
        (trainer->average != NULL &&
         !write_tensors(trainer, directory, average_file, average_blocks, no_prefix, 1, files, err)) ||
        !tl_trainer__describe(trainer, trainer->steps_done, &state, err)) {
        tl_json_free(files);
        return false;
    }
    /* From here on files belongs to state, state to write_state. */
    if (!tl_json_set(state, "files", files, err) || !tl_json_set_text(state, "format", "twinlens checkpoint", err) ||
        !tl_json_set_integer(state, "version", FORMAT_VERSION, err) ||
        !tl_json_set_integer(state, "step", (int64_t)trainer->steps_done, err)) {
        tl_json_free(state);
        return false;
    }
    return write_state(directory, state, err) && verify_state(directory, err) && tl_directory_sync(directory, err);
}

bool tl_trainer_save(const tl_trainer *trainer, const char *checkpoint_directory, tl_error *err)
{
    bool ok = false;
    bool has_present;
    bool is_checkpoint = true;
    checkpoint_names names;
    if (!names_init(checkpoint_directory, &names, err))
        return tl_fail_within(err, "checkpoint '%s'", checkpoint_directory);
    if (!complete_interrupted_save(&names, &has_present, err))
        goto done;
    /* What is replaced gets deleted: only ever a checkpoint, never a folder named by mistake. */
    if (has_present && (!has_state(names.present, &is_checkpoint, err) || !is_checkpoint)) {
        if (!is_checkpoint)
            tl_fail(err, TL_ERROR_INVALID, "expected a checkpoint or nothing, found something without '%s'", state_file);
        goto done;
    }
    if (!tl_directory_remove(names.added, err) || !write_folder(trainer, names.added, err))
        goto done;
    if (has_present && (!tl_directory_remove(names.old, err) || !move_folder(names.present, names.old, err)))
        goto done;
    ok = move_folder(names.added, names.present, err) && sync_parent(names.present, err) && tl_directory_remove(names.old, err);
done:
    names_clear(&names);
    return ok || tl_fail_within(err, "checkpoint '%s'", checkpoint_directory);
}

typedef struct comparison {
    const tl_json *other;
    const char *within; /* "config", ... */
    tl_error *err;
} comparison;

static bool compact_text(const tl_json *json, tl_string *out, tl_error *err)
{
    tl_string_init(out, MAX_STATE_FILE);
    return json == NULL ? tl_string_append_text(out, "nothing", err) : tl_json_write(json, TL_JSON_COMPACT, out, err);
}

static bool equal_member(void *context, const char *name, const tl_json *mine)
{
    const comparison *compared = context;
    const tl_json *theirs = tl_json_member(compared->other, name);
    if (tl_json_is_object(mine) && tl_json_is_object(theirs)) {
        comparison inner = {theirs, name, compared->err};
        return tl_json_each_member(mine, equal_member, &inner);
    }
    tl_string expected;
    tl_string found;
    bool ok = compact_text(mine, &expected, compared->err);
    ok = compact_text(theirs, &found, compared->err) && ok;
    if (ok && !tl_slice_equal(tl_string_slice(&expected), tl_string_slice(&found)))
        ok = tl_fail(compared->err, TL_ERROR_INVALID, "%s '%s': expected %.100s as in this run, found %.100s", compared->within,
                     name, expected.data, found.data);
    tl_string_clear(&expected);
    tl_string_clear(&found);
    return ok;
}

/* The other way round, since some members only some runs have: whether this run has one that the checkpoint has. */
static bool has_member(void *context, const char *name, const tl_json *theirs)
{
    const comparison *compared = context;
    const tl_json *mine = tl_json_member(compared->other, name);
    if (tl_json_is_object(mine) && tl_json_is_object(theirs)) {
        comparison inner = {mine, name, compared->err};
        return tl_json_each_member(theirs, has_member, &inner);
    }
    if (mine != NULL || tl_json_is_null(theirs))
        return true;
    tl_string found;
    if (compact_text(theirs, &found, compared->err))
        tl_fail(compared->err, TL_ERROR_INVALID, "%s '%s': expected nothing as in this run, found %.100s", compared->within, name,
                found.data);
    tl_string_clear(&found);
    return false;
}

static bool check_same_run(const tl_trainer *trainer, const tl_json *state, uint64_t step, tl_error *err)
{
    static const char *const objects[] = {"options", "config", "recipe"};
    tl_json *description = NULL;
    if (!tl_trainer__describe(trainer, step, &description, err))
        return false;
    comparison theirs = {state, "state", err}, mine = {description, "state", err};
    bool ok = tl_json_each_member(description, equal_member, &theirs);
    for (size_t i = 0; ok && i < sizeof objects / sizeof objects[0]; i++)
        ok = has_member(&mine, objects[i], tl_json_member(state, objects[i]));
    tl_json_free(description);
    return ok;
}

static bool open_checked(const char *directory, const char *name, const tl_json *state, tl_safetensors **out, tl_error *err)
{
    bool ok = false;
    const tl_json *record = tl_json_member(tl_json_member(state, "files"), name);
    const char *hash;
    int64_t size;
    tl_mapping mapping = {{NULL, 0}};
    char computed[TL_HASH_TEXT_SIZE];
    char *path = tl_path_join(directory, name, err);
    if (path == NULL || !tl_json_get_integer(record, "size", 0, INT64_MAX, &size, err) ||
        !tl_json_get_text(record, "hash", &hash, err) || !tl_mapping_open(path, &mapping, err))
        goto done;
    if (mapping.bytes.size != (uint64_t)size) {
        tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected %lld bytes, found %zu", path, (long long)size, mapping.bytes.size);
        goto done;
    }
    tl_hash_text(mapping.bytes.data, mapping.bytes.size, computed);
    if (strcmp(hash, computed) != 0) {
        tl_fail(err, TL_ERROR_CORRUPT, "'%s': expected hash %.40s, found %s", path, hash, computed);
        goto done;
    }
    ok = tl_safetensors_open(path, out, err);
done:
    tl_mapping_close(&mapping);
    tl_memory_free(path);
    return ok;
}

/* Checks that every row is there under the prefix; copies when block is given. */
static bool read_rows(const tl_trainer *trainer, const tl_safetensors *file, const char *prefix, float *block, tl_error *err)
{
    for (size_t row = 0; row < trainer->table.count; row++) {
        const tl_parameter *parameter = &trainer->table.items[row];
        char name[TL_PARAMETER_NAME_SIZE + 32];
        snprintf(name, sizeof name, "%s%s", prefix, parameter->name);
        const float *values = tl_safetensors_expect(file, name, parameter->rank, parameter->shape, err);
        if (values == NULL)
            return false;
        if (block != NULL)
            memcpy(block + parameter->offset, values, parameter->count * sizeof(float));
    }
    return true;
}

bool tl_trainer_resume(tl_trainer *trainer, const char *checkpoint_directory, tl_error *err)
{
    bool ok = false;
    bool found;
    int64_t step;
    tl_json *json = NULL;
    const tl_json *state = NULL;
    tl_safetensors *parameters = NULL;
    tl_safetensors *moments = NULL;
    tl_safetensors *average = NULL;
    checkpoint_names names;
    if (!names_init(checkpoint_directory, &names, err))
        return tl_fail_within(err, "checkpoint '%s'", checkpoint_directory);
    if (!complete_interrupted_save(&names, &found, err))
        goto done;
    if (!found) {
        tl_fail(err, TL_ERROR_NOT_FOUND, "expected a folder, found nothing");
        goto done;
    }
    const uint64_t most = tl_trainer_steps(trainer);
    if (!read_state(names.present, &json, &state, err) ||
        !tl_json_get_integer(state, "step", 0, (int64_t)(most < INT64_MAX ? most : INT64_MAX), &step, err) ||
        !check_same_run(trainer, state, (uint64_t)step, err) ||
        !open_checked(names.present, parameters_file, state, &parameters, err) ||
        !open_checked(names.present, moments_file, state, &moments, err) || !read_rows(trainer, parameters, "", NULL, err) ||
        !read_rows(trainer, moments, moment_prefixes[0], NULL, err) ||
        !read_rows(trainer, moments, moment_prefixes[1], NULL, err) ||
        (trainer->average != NULL &&
         (!open_checked(names.present, average_file, state, &average, err) || !read_rows(trainer, average, "", NULL, err))))
        goto done;
    ok = read_rows(trainer, parameters, "", trainer->parameters, err) &&
         read_rows(trainer, moments, moment_prefixes[0], trainer->first_moments, err) &&
         read_rows(trainer, moments, moment_prefixes[1], trainer->second_moments, err) &&
         (average == NULL || read_rows(trainer, average, "", trainer->average, err));
    TL_ASSERT(ok); /* the same calls on the same mapped bytes have just succeeded */
    trainer->steps_done = (uint64_t)step;
done:
    tl_safetensors_close(parameters);
    tl_safetensors_close(moments);
    tl_safetensors_close(average);
    tl_json_free(json);
    names_clear(&names);
    return ok || tl_fail_within(err, "checkpoint '%s'", checkpoint_directory);
}
