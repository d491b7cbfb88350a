/* checker.hpp: faults of memory accesses, found by calls that the checked build puts before each of them. */
#pragma once

namespace emulator {

/* Before the first group of a launch: forgets what was reported and touched in the launch before. */
void start_checker();
/* How many faults the launch has had. */
unsigned faults_found();

} /* namespace emulator */
