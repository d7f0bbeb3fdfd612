/* Owns how many processors there are for us: those online that the system lets this process run on. */
#include "base/parallel/processors_internal.h"

#include <stdio.h>
#include <unistd.h>

/* Bits of Cpus_allowed in /proc/self/status (comma-separated hexadecimal words); 0 where there is none. */
static size_t allowed_processors(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL)
        return 0;
    static const char label[] = "Cpus_allowed:";
    size_t count = 0;
    char line[4096]; /* 32 bits take 9 characters: room for 14,000 processors */
    while (count == 0 && fgets(line, sizeof line, file) != NULL) {
        size_t i = 0;
        while (label[i] != '\0' && line[i] == label[i])
            i++;
        if (label[i] != '\0')
            continue;
        for (; line[i] != '\0' && line[i] != '\n'; i++) {
            char c = line[i];
            unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 0;
            for (; digit != 0; digit >>= 1)
                count += digit & 1;
        }
    }
    fclose(file);
    return count;
}

size_t tl_processors__count(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = online > 0 ? (size_t)online : 1;
    size_t allowed = allowed_processors();
    return allowed != 0 && allowed < count ? allowed : count;
}
