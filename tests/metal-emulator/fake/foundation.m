// The fake's Foundation on the bare Objective-C runtime of GCC: reference counting that finds leaks, over-releases and
// messages to the dead, and the few classes that a compute host touches.
#import "fake.h"
#include <objc/message.h>
#include <objc/runtime.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The dead stay for a while as members of this class, so that a message to one of them is a finding, not a crash. */
@interface Dead : NSObject
@end
enum { QUARANTINE = 4096 };

static void bury(id object) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static id graves[QUARANTINE];
  static size_t next;
  ((NSObject *)object)->was = object_getClass(object);
  object_setClass(object, [Dead class]);
  pthread_mutex_lock(&lock);
  id oldest = graves[next];
  graves[next] = object;
  next = (next + 1) % QUARANTINE;
  pthread_mutex_unlock(&lock);
  if (oldest) object_dispose(oldest);
}

static id answer_nothing(id self, SEL selector) {
  (void)self, (void)selector;
  return nil;
}

/* Called by the runtime for a selector that the class lacks. */
static IMP unknown_message(id receiver, SEL selector) {
  Class class = object_getClass(receiver);
  if (class == [Dead class]) {
    fake_misuse("%s was sent to a %s that had been freed", sel_getName(selector),
                class_getName(((NSObject *)receiver)->was));
  } else {
    fake_misuse("%s does not understand %s", class_getName(class), sel_getName(selector));
  }
  return (IMP)answer_nothing;
}

__attribute__((constructor)) static void listen(void) {
  __objc_msg_forward2 = unknown_message;
}

static _Thread_local NSAutoreleasePool *innermost;

@implementation NSObject
+ (id)alloc {
  id object = class_createInstance((Class)self, 0);
  fake_count((Class)self, 1);
  return object;
}

+ (Class)class {
  return (Class)self;
}

- (Class)class {
  return object_getClass(self);
}

- (BOOL)respondsToSelector:(SEL)selector {
  return class_respondsToSelector(object_getClass(self), selector);
}

- (id)init {
  return self;
}

- (id)retain {
  __atomic_add_fetch(&references, 1, __ATOMIC_RELAXED);
  return self;
}

/* references counts the owners beyond the first. */
- (oneway void)release {
  if (__atomic_sub_fetch(&references, 1, __ATOMIC_ACQ_REL) < 0) [self dealloc];
}

- (id)autorelease {
  NSAutoreleasePool *pool = innermost;
  if (!pool) {
    fake_misuse("autorelease of a %s without a pool: it is never freed", object_getClassName(self));
    return self;
  }
  pool->items = fake_grow(pool->items, pool->count, sizeof(id));
  pool->items[pool->count++] = self;
  return self;
}

- (NSUInteger)retainCount {
  return (NSUInteger)(references + 1);
}

- (void)dealloc {
  fake_count(object_getClass(self), -1);
  bury(self);
}
@end

@implementation Dead
- (id)retain {
  fake_misuse("retain was sent to a %s that had been freed", class_getName(was));
  return self;
}

- (oneway void)release {
  fake_misuse("over-release of a %s", class_getName(was));
}

- (id)autorelease {
  fake_misuse("autorelease was sent to a %s that had been freed", class_getName(was));
  return self;
}
@end

@implementation NSAutoreleasePool
- (id)init {
  outer = innermost;
  innermost = self;
  return self;
}

- (void)drain {
  if (innermost != self) fake_misuse("an autorelease pool was drained before one inside it");
  while (count > 0) [items[--count] release];
  innermost = outer;
  free(items);
  [self dealloc];
}

- (oneway void)release {
  [self drain];
}
@end

@implementation NSString
+ (id)stringWithUTF8String:(const char *)text {
  NSString *string = [[NSString alloc] initWithBytes:text length:strlen(text) encoding:NSUTF8StringEncoding];
  return [string autorelease];
}

- (id)initWithBytes:(const void *)bytes length:(NSUInteger)length encoding:(NSStringEncoding)encoding {
  if (encoding != NSUTF8StringEncoding) fake_misuse("the fake's NSString knows UTF-8 only, not %lu", encoding);
  text = fake_allocate(length + 1);
  memcpy(text, bytes, length);
  size = length;
  return self;
}

- (const char *)UTF8String {
  return text;
}

- (NSUInteger)length {
  return size;
}

- (void)dealloc {
  free(text);
  [super dealloc];
}
@end

@implementation NSArray
- (NSUInteger)count {
  return size;
}

- (id)objectAtIndex:(NSUInteger)index {
  if (index < size) return items[index];
  fake_misuse("objectAtIndex: %lu in an array of %lu", index, size);
  return nil;
}

- (void)dealloc {
  for (NSUInteger i = 0; i < size; i++) [items[i] release];
  free(items);
  [super dealloc];
}
@end

@implementation NSError
- (NSInteger)code {
  return number;
}

- (NSString *)localizedDescription {
  return text;
}

- (void)dealloc {
  [text release];
  [super dealloc];
}
@end

NSError *fake_error(NSInteger code, const char *why) {
  NSError *error = [[NSError alloc] init];
  error->number = code;
  error->text = [[NSString alloc] initWithBytes:why length:strlen(why) encoding:NSUTF8StringEncoding];
  return [error autorelease];
}
