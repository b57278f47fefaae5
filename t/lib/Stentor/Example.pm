# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# The examples of the documentation (docs/examples/ROLE.conf), made fit for a
# machine that has neither their addresses nor their files: each is read, and
# edited where it has to be.  Every edit has to find its place, so that an
# example that changes is no example that something else is run instead of.

package Stentor::Example;

use v5.36;

use Stentor::Node;

our $DIR = "$Stentor::Node::TOP/docs/examples";


sub names() {
    return map { m{([^/]+)\.conf$} } glob("$DIR/*.conf");
}


sub text($name) {
    return Stentor::Node::slurp("$DIR/$name.conf")
           // die "no example $name\n";
}


# The text with other directives: 'block/block/name' => a line or a list of
# lines that stand for all of that name there; 'block/+' => what else the block
# has; '' is the outermost.  A location is a block called "location /live/".

sub edit($text, %edits) {
    my (@out, @blocks, %done);

    for my $line (split(/\n/, $text)) {
        my $path = join('', map { "$_/" } @blocks);
        my ($indent, $name) = $line =~ /^( *)([a-z_]+)\b/;

        if ($line =~ /^ *\}$/) {
            push(@out, more($edits{"$path+"}, \%done, "$path+",
                            '    ' x @blocks));
            pop(@blocks);

        } elsif ($line =~ /^ *(.*?) \{$/) {
            push(@blocks, $1);

        } elsif (defined $name && exists $edits{"$path$name"}) {
            push(@out, more($edits{"$path$name"}, \%done, "$path$name",
                            $indent));
            next;
        }

        push(@out, $line);
    }

    push(@out, more($edits{'+'}, \%done, '+', ''));

    my @left = grep { !$done{$_} } sort keys %edits;
    die "nowhere in the example: @left\n" if @left;

    return join("\n", @out) . "\n";
}


# The lines of an edit, once.

sub more($lines, $done, $path, $indent) {
    return if !defined $lines || $done->{$path}++;
    return map { length ? "$indent$_" : () } ref($lines) ? @$lines : $lines;
}


# Whether an example has the directive at this place.

sub has($text, $path) {
    return eval { edit($text, $path => []); 1 };
}


# What all examples need: paths below dir, and addresses of this machine.

sub local($text, $dir) {
    $text =~ s{/etc/stentor/}{$dir/}g;
    $text =~ s{\b10\.0\.0\.0/24\b}{127.0.0.0/8}g;
    $text =~ s{\b10\.0\.0\.\d+\b}{127.0.0.1}g;
    return $text;
}


1;
