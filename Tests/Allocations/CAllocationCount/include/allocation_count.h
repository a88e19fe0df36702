/* Counts the calls of malloc and its like in the program that links this, its shared libraries' calls included. */
#pragma once

/* Where calls are counted: each thread says which, and counts as the first until then. */
enum { ALLOCATIONS_ELSEWHERE, ALLOCATIONS_SENDING, ALLOCATIONS_RECEIVING, ALLOCATION_PLACE_COUNT };

/* Whether calls are counted on this system: it takes glibc's allocator. */
int allocations_are_counted(void);
/* From here on the calling thread's calls count there. */
void allocations_count_as(int place);
/* The number of calls so far. */
long allocations_counted(int place);
