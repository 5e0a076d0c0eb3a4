# The CUDA backend is a module of its own, built where CudaWanted.cmake says so and nvcc works. Trouble with CUDA costs
# CUDA, not the installation, unless SEGPOST_CUDA=ON asks for an error. `package` is where it is installed: in segpost,
# or in segpost_cuda.
include(${CMAKE_CURRENT_LIST_DIR}/CudaWanted.cmake)

# Where the kernels find gpu.hpp.
set(segpost_cuda_platform ${CMAKE_CURRENT_SOURCE_DIR}/csrc/cuda/runtime/platform/nvidia)
set(segpost_cuda_every 75-real 80-real 86-real 89-real 90-real 100-real 120)

function(segpost_no_cuda why)
    if(NOT SEGPOST_CUDA STREQUAL AUTO)
        message(FATAL_ERROR "SEGPOST_CUDA=${SEGPOST_CUDA}, but ${why}")
    endif()
    message(STATUS "No CUDA backend: ${why}")
endfunction()

# The device's own architecture, or the oldest that nvcc knows, whose PTX every later device compiles for itself.
function(segpost_cuda_architectures result)
    if(SEGPOST_CUDA_ARCHITECTURES STREQUAL "all")
        set(${result} ${segpost_cuda_every} PARENT_SCOPE)
        return()
    elseif(SEGPOST_CUDA_ARCHITECTURES)
        set(${result} ${SEGPOST_CUDA_ARCHITECTURES} PARENT_SCOPE)
        return()
    endif()
    set(${result} 75 PARENT_SCOPE)
    find_program(segpost_nvidia_smi nvidia-smi)
    if(segpost_nvidia_smi)
        execute_process(COMMAND ${segpost_nvidia_smi} --query-gpu=compute_cap --format=csv,noheader
            OUTPUT_VARIABLE found RESULT_VARIABLE failed ERROR_QUIET)
        if(NOT failed AND found MATCHES "^([0-9]+)\\.([0-9]+)")
            set(${result} "${CMAKE_MATCH_1}${CMAKE_MATCH_2}" PARENT_SCOPE)
        endif()
    endif()
endfunction()

macro(segpost_cuda_backend package)
    segpost_cuda_wanted(segpost_cuda_is_wanted segpost_cuda_reason)
    if(NOT segpost_cuda_is_wanted)
        message(STATUS "No CUDA backend: ${segpost_cuda_reason}")
    else()
        include(CheckLanguage)
        check_language(CUDA)
        if(NOT CMAKE_CUDA_COMPILER)
            segpost_no_cuda("no nvcc works")
        else()
            set(CMAKE_CUDA_ARCHITECTURES OFF) # which there are depends on the compiler
            enable_language(CUDA)
            set(CMAKE_CUDA_STANDARD 17)
            set(CMAKE_CUDA_STANDARD_REQUIRED ON)
            set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
            find_package(CUDAToolkit)
            segpost_cuda_module(${package})
        endif()
    endif()
endmacro()

function(segpost_cuda_module package)
    if(NOT TARGET CUDA::cudart_static)
        segpost_no_cuda("the static CUDA runtime is missing")
        return()
    endif()
    segpost_cuda_architectures(architectures)
    try_compile(works
        SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/csrc/cuda/runtime/platform/nvidia/device.cu ${CMAKE_CURRENT_SOURCE_DIR}/csrc/cmake/cuda_works.cpp
        CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${segpost_cuda_platform}\;${CMAKE_CURRENT_SOURCE_DIR}/csrc"
                    "-DCMAKE_CUDA_ARCHITECTURES=${architectures}"
        LINK_LIBRARIES CUDA::cudart_static
        CUDA_STANDARD 17 CXX_STANDARD 17
        OUTPUT_VARIABLE output)
    if(NOT works)
        message(STATUS "${output}")
        segpost_no_cuda("nvcc does not compile for ${architectures}")
        return()
    endif()
    message(STATUS "CUDA backend for ${architectures}")
    file(GLOB sources CONFIGURE_DEPENDS csrc/cuda/*/*.cu ${segpost_cuda_platform}/*.cu)
    add_library(_cuda_kernels OBJECT ${sources})
    set_target_properties(_cuda_kernels PROPERTIES CUDA_ARCHITECTURES "${architectures}")
    target_include_directories(_cuda_kernels PRIVATE csrc ${segpost_cuda_platform})
    # No contraction, as on the CPU: labels are those of the definition.
    target_compile_options(_cuda_kernels PRIVATE -fmad=false -Xcompiler=-Wall,-Wextra,-ffp-contract=off
        $<$<BOOL:${SEGPOST_WERROR}>:-Werror=all-warnings>)
    file(GLOB bindings CONFIGURE_DEPENDS csrc/bindings/*_cuda.cpp)
    pybind11_add_module(_cuda MODULE csrc/bindings/cuda.cpp ${segpost_gil_source} ${bindings} $<TARGET_OBJECTS:_cuda_kernels>)
    segpost_options(_cuda)
    set_target_properties(_cuda PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(_cuda PRIVATE CUDA::cudart_static)
    list(JOIN architectures " " listed)
    target_compile_definitions(_cuda PRIVATE SEGPOST_CUDA_ARCHITECTURES="${listed}")
    install(TARGETS _cuda DESTINATION ${package})
endfunction()
