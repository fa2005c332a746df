/* Refusals: the error class, errno, libbpf's own words and the verifier's log. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "subject.h"

static const char *const class_names[] = {
	[USAGE] = "usage",     [OBJECT] = "object", [RELOCATION] = "relocation",
	[VERIFIER] = "verifier", [KERNEL] = "kernel", [UNSUPPORTED] = "unsupported",
};

/* libbpf's print callback has no argument of its own, so what it collects is global. */
static char messages[8192];
static size_t messages_length;

static json_object *refusal;

void free_scoped(void *pointer)
{
	free(*(void **)pointer);
}

static int keep_message(enum libbpf_print_level level, const char *format, va_list arguments)
{
	static const char prefix[] = "libbpf: ";
	char message[1024];
	const char *text = message;
	size_t length;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(message, sizeof(message), format, arguments);
	if (!strncmp(text, prefix, strlen(prefix)))
		text += strlen(prefix);
	length = strcspn(text, "\n");
	/* The first warnings name the cause; what no longer fits repeats it. */
	if (!length || messages_length + length + 3 > sizeof(messages))
		return 0;
	if (messages_length)
		messages_length += sprintf(messages + messages_length, "; ");
	memcpy(messages + messages_length, text, length);
	messages_length += length;
	messages[messages_length] = '\0';
	return 0;
}

void messages_start(void)
{
	libbpf_set_print(keep_message);
	messages_length = 0;
	messages[0] = '\0';
}

bool messages_mention(const char *text)
{
	return strstr(messages, text);
}

static void keep_refusal(enum error_class class, int err, const char *message)
{
	json_object_put(refusal);
	refusal = json_object_new_object();
	json_object_object_add(refusal, "class", json_object_new_string(class_names[class]));
	json_object_object_add(refusal, "errno", json_object_new_int(err));
	json_object_object_add(refusal, "message", json_object_new_string(message));
	json_object_object_add(refusal, "log", json_object_new_string(""));
}

json_object *refuse(enum error_class class, int err, const char *format, ...)
{
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	keep_refusal(class, err, message);
	return NULL;
}

json_object *refuse_libbpf(enum error_class class, int err, const char *format, ...)
{
	char what[1024], said[128], message[sizeof(what) + sizeof(said) + sizeof(messages) + 16];
	va_list arguments;
	int code = err < 0 ? -err : err;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	libbpf_strerror(code, said, sizeof(said));
	snprintf(message, sizeof(message), "%s: %s%s%s", what, said, messages_length ? ": " : "", messages);
	/* libbpf's own codes start at 4000 and are no errno. */
	keep_refusal(class, code < 4000 ? code : 0, message);
	return NULL;
}

void attach_log_to_refusal(const char *log)
{
	json_object_object_add(refusal, "log", json_object_new_string(log));
}

json_object *take_refusal(void)
{
	json_object *taken = refusal;

	refusal = NULL;
	return taken;
}
