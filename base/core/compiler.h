/* The few compiler extensions the project uses, so that no other header needs one. */
#ifndef TL_BASE_CORE_COMPILER_H
#define TL_BASE_CORE_COMPILER_H

#if defined(__GNUC__) || defined(__clang__)
#define TL_MUST_USE __attribute__((warn_unused_result))
#define TL_PRINTF(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))
#define TL_MAY_BE_MISSING __attribute__((weak)) /* of a function: its address is NULL where no library has it */
#else
#define TL_MUST_USE
#define TL_PRINTF(format_index, first_argument)
#define TL_MAY_BE_MISSING
#endif

/* Tells the processor that this thread looks out for what another one writes. */
static inline void tl_pause(void)
{
#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    __builtin_ia32_pause();
#elif (defined(__GNUC__) || defined(__clang__)) && defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* A bug of ours, never a property of input: prints the place and aborts, in every build. */
#define TL_ASSERT(condition) ((condition) ? (void)0 : tl_assert_failed(#condition, __FILE__, __LINE__))

#ifdef __cplusplus
extern "C" {
#endif
void tl_assert_failed(const char *condition, const char *file, int line);
#ifdef __cplusplus
}
#endif

#endif
