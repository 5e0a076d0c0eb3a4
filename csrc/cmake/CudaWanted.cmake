# Whether the CUDA backend is to be built: where it is asked for, or where a device is. Compiling for CUDA takes minutes,
# and many machines have nvcc without a device.
#
#     cmake -DSEGPOST_CUDA=AUTO -P csrc/cmake/CudaWanted.cmake    prints the answer and the reason

# Sets `result` to true or false, and `reason` to why.
function(segpost_cuda_wanted result reason)
    set(${result} TRUE PARENT_SCOPE)
    if(NOT SEGPOST_CUDA)
        set(${result} FALSE PARENT_SCOPE)
        set(${reason} "SEGPOST_CUDA=${SEGPOST_CUDA}" PARENT_SCOPE)
    elseif(NOT SEGPOST_CUDA STREQUAL AUTO)
        set(${reason} "SEGPOST_CUDA=${SEGPOST_CUDA}" PARENT_SCOPE)
    elseif(SEGPOST_CUDA_ARCHITECTURES)
        set(${reason} "SEGPOST_CUDA_ARCHITECTURES=${SEGPOST_CUDA_ARCHITECTURES}" PARENT_SCOPE)
    elseif(EXISTS /dev/nvidia0 OR EXISTS /proc/driver/nvidia)
        set(${reason} "this machine has a device" PARENT_SCOPE)
    else()
        set(failed TRUE)
        find_program(segpost_nvidia_smi nvidia-smi)
        if(segpost_nvidia_smi)
            execute_process(COMMAND ${segpost_nvidia_smi} -L
                OUTPUT_VARIABLE devices RESULT_VARIABLE failed ERROR_QUIET TIMEOUT 60)
        endif()
        if(NOT failed AND devices MATCHES "GPU")
            set(${reason} "nvidia-smi lists a device" PARENT_SCOPE)
        else()
            set(${result} FALSE PARENT_SCOPE)
            set(${reason} "this machine has no device; SEGPOST_CUDA=ON builds it all the same" PARENT_SCOPE)
        endif()
    endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
    segpost_cuda_wanted(wanted reason)
    message(NOTICE "${wanted}: ${reason}")
endif()
