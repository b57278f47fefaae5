# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The table of fault points that t/fault/fault.c shares with this process: what
# was come by, how often, and which of them is to fail.  Its layout is there.

package Stentor::Fault;

use v5.36;

use Cwd ();
use File::Basename ();


my $MAGIC = 0x464c5431;
my $HEAD = 32;
my $NAME = 144;
my $POINT = $NAME + 16;
my $POINTS = 4096;

my $TOP = Cwd::realpath(File::Basename::dirname(__FILE__) . '/../../..');

our $MODULE = "$TOP/build/fault/ngx_stentor_module.so";
our $PRELOAD = "$TOP/build/fault/fault.so";


# Makes them, if they are older than their sources.

sub build() {
    local $ENV{MAKEFLAGS};      # not a part of the make around it
    system('make', '-s', '-C', $TOP, map { s{^\Q$TOP/\E}{}r } $MODULE,
                                                              $PRELOAD) == 0
        or die "cannot make $MODULE\n";
}


# A new table; points => names that have their places in it from the start, so
# that a point can be told to fail before anybody has come by it.

sub new($class, $path, @points) {
    my $self = bless { path => $path }, $class;

    open($self->{file}, '+>', $path) or die "$path: $!\n";
    binmode($self->{file});
    truncate($self->{file}, $HEAD + $POINT * $POINTS) or die "$path: $!\n";

    $self->put(0, pack('L3lQ2', $MAGIC, 0, scalar(@points), -1, 0, 0));
    $self->put($HEAD + $POINT * $_, pack("a$NAME", $points[$_]))
        for 0 .. $#points;

    return $self;
}


sub path($self) { return $self->{path} }


sub put($self, $at, $bytes) {
    sysseek($self->{file}, $at, 0) // die "seek: $!\n";
    syswrite($self->{file}, $bytes) // die "write: $!\n";
}


sub take($self, $at, $n) {
    my $bytes;

    sysseek($self->{file}, $at, 0) // die "seek: $!\n";
    sysread($self->{file}, $bytes, $n) // die "read: $!\n";

    return $bytes;
}


# All points so far, in their order: {name, hits, failures}.

sub points($self) {
    my (undef, undef, $n) = unpack('L3', $self->take(0, 12));
    my $bytes = $self->take($HEAD, $n * $POINT);

    return map {
        my ($name, $hits, $failures) =
            unpack("Z${NAME}Q2", substr($bytes, $_ * $POINT, $POINT));
        { name => $name, hits => $hits, failures => $failures }
    } 0 .. $n - 1;
}


sub point($self, $i) {
    return ($self->points())[$i];
}


# Point i fails from now on, for so many hits.

sub arm($self, $i, $times = 1) {
    my $hits = $self->point($i)->{hits};

    $self->put(16, pack('Q2', $hits + 1, $hits + $times));
    $self->put(12, pack('l', $i));
}


sub disarm($self) {
    $self->put(12, pack('l', -1));
}


1;
