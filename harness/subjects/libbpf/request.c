/* Arguments of a request, and bytes as hex. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "subject.h"

static json_object *argument(json_object *request, const char *name, enum json_type type, const char *what)
{
	json_object *value;

	if (!json_object_object_get_ex(request, name, &value))
		return refuse(USAGE, 0, "argument '%s' is missing", name);
	if (!json_object_is_type(value, type))
		return refuse(USAGE, 0, "argument '%s' is not %s", name, what);
	return value;
}

const char *need_string(json_object *request, const char *name)
{
	json_object *value = argument(request, name, json_type_string, "a string");

	return value ? json_object_get_string(value) : NULL;
}

bool need_number(json_object *request, const char *name, int64_t minimum, int64_t maximum, int64_t *number)
{
	json_object *value = argument(request, name, json_type_int, "an integer");

	if (!value)
		return false;
	*number = json_object_get_int64(value);
	if (*number >= minimum && *number <= maximum)
		return true;
	refuse(USAGE, 0, "argument '%s' is %" PRId64 "; expected %" PRId64 "…%" PRId64, name, *number, minimum,
	       maximum);
	return false;
}

bool optional_number(json_object *request, const char *name, int64_t minimum, int64_t maximum, int64_t *number)
{
	if (!json_object_object_get_ex(request, name, NULL))
		return true;
	return need_number(request, name, minimum, maximum, number);
}

static int nibble(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

void free_bytes(struct bytes *bytes)
{
	free(bytes->data);
}

bool bytes_from_json(json_object *value, const char *name, struct bytes *bytes)
{
	size_t i, digits = json_object_get_string_len(value);
	const char *text = json_object_get_string(value);
	int high, low;

	if (!json_object_is_type(value, json_type_string) || digits % 2)
		goto malformed;
	bytes->size = digits / 2;
	bytes->data = malloc(bytes->size + 1);
	if (!bytes->data) {
		refuse(KERNEL, 12, "no memory for argument '%s'", name);
		return false;
	}
	for (i = 0; i < bytes->size; i++) {
		high = nibble(text[2 * i]);
		low = nibble(text[2 * i + 1]);
		if (high < 0 || low < 0)
			goto malformed;
		bytes->data[i] = high << 4 | low;
	}
	return true;

malformed:
	refuse(USAGE, 0, "argument '%s' is not lower-case hex of whole bytes", name);
	return false;
}

bool optional_bytes(json_object *request, const char *name, struct bytes *bytes)
{
	json_object *value;

	if (!json_object_object_get_ex(request, name, &value))
		return true;
	return bytes_from_json(value, name, bytes);
}

bool need_bytes(json_object *request, const char *name, struct bytes *bytes)
{
	json_object *value = argument(request, name, json_type_string, "a string");

	return value && bytes_from_json(value, name, bytes);
}

bool need_bytes_of_size(json_object *request, const char *name, size_t size, struct bytes *bytes)
{
	if (!need_bytes(request, name, bytes))
		return false;
	if (bytes->size == size)
		return true;
	refuse(USAGE, 0, "argument '%s' has %zu bytes; expected %zu", name, bytes->size, size);
	return false;
}

json_object *hex_json(const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	scoped_free char *text = malloc(2 * size + 1);
	size_t i;

	if (!text)
		abort();
	for (i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	return json_object_new_string_len(text, 2 * size);
}
