# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Bytes that are nearly right: samples with some of them changed, cut, doubled
# or put together, as libFuzzer does, for parsers that only a whole node has.
# One seed gives the same inputs again: STENTOR_SEED.

package Stentor::Mutate;

use v5.36;

use Test::More ();

# What integers, lengths and texts go wrong at.
our @WORDS = (0, 1, -1, 127, 255, 256, 65535, 65536, 2147483647, 2147483648,
              4294967295, 9223372036854775807, '9223372036854775808', '1e308',
              '-0', '', "\0", "\xff", "\xc3\x28", "\xed\xa0\x80", '\u0000',
              '\ud800', '"', '\\', "\r\n", '%s%n', '../', '/', '{', '[', '}',
              'null', 'true', ' ' x 64, 'A' x 300);


# new(samples): the inputs that others are made of.

sub new($class, @samples) {
    my $seed = $ENV{STENTOR_SEED} // (time() ^ $$);

    srand($seed);
    Test::More::note("STENTOR_SEED=$seed");

    return bless { samples => \@samples, seed => $seed }, $class;
}


sub seed($self) { return $self->{seed} }


sub any($self, @list) { return $list[int(rand(@list))] }


# A sample, or what is given, after one to four changes.

sub next($self, $bytes = $self->any(@{ $self->{samples} })) {
    $bytes = $self->change($bytes) for 1 .. 1 + int(rand(4));
    return $bytes;
}


sub change($self, $s) {
    my $at = int(rand(length($s) + 1));
    my $n = int(rand(1 + (length($s) - $at) / 2));
    my $how = int(rand(8));

    return substr($s, 0, $at) if $how == 0;
    return substr($s, 0, $at) . substr($s, $at + $n) if $how == 1;
    return substr($s, 0, $at + $n) . substr($s, $at) if $how == 2;
    return substr($s, 0, $at) . $self->any(@WORDS) . substr($s, $at)
        if $how == 3;
    return substr($s, 0, $at) . $self->tail() if $how == 4;
    return $self->number($s) if $how == 5;

    substr($s, $at, 1) = $how == 6 ? chr(int(rand(256)))
                                   : chr(ord(substr($s, $at, 1)) ^ 1 << rand(8))
        if $at < length($s);

    return $s;
}


# The end of another sample.

sub tail($self) {
    my $s = $self->any(@{ $self->{samples} });
    return substr($s, int(rand(length($s) + 1)));
}


# One of the numbers in it becomes another one.

sub number($self, $s) {
    my @at;

    push(@at, [ $-[0], $+[0] - $-[0] ]) while $s =~ /\d+/g;
    return $s if !@at;

    my ($at, $n) = @{ $self->any(@at) };
    substr($s, $at, $n) = $self->any(@WORDS);

    return $s;
}


1;
