# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# AMF0 values to bytes and back, as far as RTMP commands need them.  Written
# values: numbers as \1.0 (a reference), strings as they are, undef as null,
# hashes as objects (keys sorted), arrays as strict arrays, [ecma => {}] as an
# ECMA array.

package Stentor::AMF;

use v5.36;


sub number($v) { return "\x00" . pack('d>', $v) }


sub string($v) {
    return length($v) > 0xffff ? "\x0c" . pack('N/a*', $v)
                               : "\x02" . pack('n/a*', $v);
}


sub boolean($v) { return "\x01" . ($v ? "\x01" : "\x00") }


sub properties($h) {
    return join('', map { pack('n/a*', $_) . value($h->{$_}) } sort keys %$h)
           . "\x00\x00\x09";
}


sub value($v) {
    return "\x05" if !defined $v;
    return string($v) if !ref($v);
    return number($$v) if ref($v) eq 'SCALAR';
    return boolean($$$v) if ref($v) eq 'REF';
    return "\x03" . properties($v) if ref($v) eq 'HASH';

    if (@$v == 2 && !ref($v->[0]) && defined $v->[0] && $v->[0] eq 'ecma') {
        return "\x08" . pack('N', scalar(keys %{ $v->[1] }))
               . properties($v->[1]);
    }

    return "\x0a" . pack('N', scalar(@$v)) . join('', map { value($_) } @$v);
}


sub encode(@values) { return join('', map { value($_) } @values) }


# All values of a message body; numbers come back plain.

sub decode($bytes) {
    my $at = 0;
    my @out;

    push(@out, read_value($bytes, \$at)) while $at < length($bytes);

    return @out;
}


sub read_value($b, $at) {
    my $type = ord(substr($b, $$at++, 1));

    if ($type == 0) {
        my $v = unpack('d>', substr($b, $$at, 8));
        $$at += 8;
        return $v;
    }

    return ord(substr($b, $$at++, 1)) if $type == 1;
    return read_string($b, $at, $type == 2 ? 'n' : 'N')
        if $type == 2 || $type == 12;

    if ($type == 3 || $type == 8) {
        $$at += 4 if $type == 8;
        return read_object($b, $at);
    }

    return undef if $type == 5 || $type == 6;

    if ($type == 10) {
        my $n = unpack('N', substr($b, $$at, 4));
        $$at += 4;
        return [ map { read_value($b, $at) } 1 .. $n ];
    }

    die "AMF0 type $type\n";
}


sub read_string($b, $at, $size) {
    my $n = unpack($size, substr($b, $$at, $size eq 'n' ? 2 : 4));
    $$at += $size eq 'n' ? 2 : 4;

    my $v = substr($b, $$at, $n);
    $$at += $n;

    return $v;
}


sub read_object($b, $at) {
    my %h;

    while (1) {
        my $key = read_string($b, $at, 'n');

        if ($key eq '' && substr($b, $$at, 1) eq "\x09") {
            $$at++;
            return \%h;
        }

        die "AMF0 object without an end\n" if $$at >= length($b);

        $h{$key} = read_value($b, $at);
    }
}


1;
