// The part of Foundation that a compute host needs, declared anew from its documentation: Linux builds against the
// fake and the cross build for macOS both read it. On a Mac the system's own header takes its place.
#pragma once
#include <objc/objc.h>
#include <stddef.h>
#include <stdint.h>

#ifndef nil
#define nil ((id)0)
#endif
#ifndef YES
#define YES ((BOOL)1)
#define NO ((BOOL)0)
#endif
// The instance variables of the fake's classes: the runtime that serves on Linux takes them from the interface only.
#ifdef __APPLE__
#define EMULATED(...)
#else
#define EMULATED(...) { @public __VA_ARGS__ }
#endif
#define NS_ENUM(type, name) enum name : type name; enum name : type
#define NS_OPTIONS(type, name) NS_ENUM(type, name)

typedef unsigned long NSUInteger;
typedef long NSInteger;
typedef double NSTimeInterval;
typedef NSUInteger NSStringEncoding;
enum { NSUTF8StringEncoding = 4 };

@class NSString;

@protocol NSObject
- (Class)class;
- (BOOL)respondsToSelector:(SEL)selector;
- (id)retain;
- (oneway void)release;
- (id)autorelease;
- (NSUInteger)retainCount;
@end

__attribute__((objc_root_class))
@interface NSObject <NSObject> EMULATED(Class isa; int references; Class was;)
+ (id)alloc;
- (id)init;
- (void)dealloc;
@end

@interface NSString : NSObject EMULATED(char *text; NSUInteger size;)
+ (id)stringWithUTF8String:(const char *)text;
- (id)initWithBytes:(const void *)bytes length:(NSUInteger)length encoding:(NSStringEncoding)encoding;
- (const char *)UTF8String;
- (NSUInteger)length;
@end

@interface NSArray : NSObject EMULATED(id *items; NSUInteger size;)
- (NSUInteger)count;
- (id)objectAtIndex:(NSUInteger)index;
@end

@interface NSError : NSObject EMULATED(NSInteger number; NSString *text;)
- (NSInteger)code;
- (NSString *)localizedDescription;
@end

@interface NSAutoreleasePool : NSObject EMULATED(NSAutoreleasePool *outer; id *items; int count;)
- (void)drain;
@end
