/* A program of somebody else: C99 as well as C++, with nothing but what is installed. */
#include <stdio.h>
#include <twinlens/index/index.h>

int main(int argc, char **argv)
{
    tl_index *index = NULL;
    tl_error err;
    if (argc != 2 || !tl_index_open(argv[1], TL_INDEX_CREATE, &index, &err)) {
        fprintf(stderr, "consumer: %s\n", argc == 2 ? err.message : "expected one path");
        return 1;
    }
    tl_index_close(index);
    puts("opened and closed");
    return 0;
}
