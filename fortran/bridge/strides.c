/* For callback_mod.F90: where the elements of an array section lie. The descriptor is Fortran's standard one. */
#include <ISO_Fortran_binding.h>
#include <stdint.h>

void bridge_strides(const CFI_cdesc_t *array, int64_t *strides)
{
    for (int i = 0; i < array->rank; i++)
        strides[i] = array->dim[i].sm;
}
