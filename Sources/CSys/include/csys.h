/* What Swift cannot import from the C library: variadics, macros, and a few Linux calls. */
#pragma once
