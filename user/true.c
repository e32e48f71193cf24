/* SPDX-License-Identifier: ISC */
/* true: does nothing, successfully. */

int main(void)
{
	return 0;
}
